"""For projects on detectron2: our evaluator, data sets and models.

Importing this package imports neither detectron2 nor `vita`: its modules do, when they are asked for. Evaluator and
catalogue import nothing of `vita` at all, since the official repositories have a package of that name.
"""
