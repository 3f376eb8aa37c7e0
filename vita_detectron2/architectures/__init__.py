"""Our VITA, Mask2Former-VIS and IFC as meta-architectures of detectron2.

Importing any of this raises ImportError with one line where `vita` is another package than vita-bench's.
"""

from vita_detectron2.our_vita import check_vita

check_vita()
