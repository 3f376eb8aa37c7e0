#!/bin/sh
# A SLURM cluster of this machine alone, in a folder: start_slurm.sh start FOLDER, start_slurm.sh stop FOLDER.
# It needs munged, slurmctld and slurmd (Debian: apt-get install slurm-wlm), no systemd, no cgroups and no accounting.
# Its commands (sbatch, squeue, ...) find it by the environment variable SLURM_CONF=FOLDER/slurm.conf, and srun in FOLDER/bin
# without it: Snakemake's plugin takes variables of SLURM away before it calls srun within a job.
set -eu
action=$1
folder=$2
PATH="$PATH:/usr/sbin:/usr/local/sbin"

configuration() {
    host=$(hostname -s)
    user=$(id -un)
    # More processors than there are: jobs that wait for each other must be able to run at the same time.
    cat <<END
ClusterName=alone
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmdPort=$((port + 1))
AuthType=auth/munge
AuthInfo=socket=$folder/munge.socket
CredType=cred/munge
SlurmUser=$user
SlurmdUser=$user
StateSaveLocation=$folder/controller
SlurmdSpoolDir=$folder/node
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=2,batch_sched_delay=0
KillWait=30
MinJobAge=600
ReturnToService=2
MpiDefault=none
NodeName=$host NodeAddr=127.0.0.1 CPUs=4 RealMemory=64000 State=UNKNOWN
PartitionName=all Nodes=$host Default=YES MaxTime=INFINITE State=UP
END
}

start() {
    mkdir -p "$folder/controller" "$folder/node"
    chmod 755 "$folder"
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1] // 2 * 2)')
    configuration >"$folder/slurm.conf"
    mkdir -p "$folder/bin"
    printf '#!/bin/sh\nSLURM_CONF="%s" exec "%s" "$@"\n' "$folder/slurm.conf" "$(command -v srun)" >"$folder/bin/srun"
    chmod 755 "$folder/bin/srun"
    head -c 1024 /dev/urandom >"$folder/munge.key"
    chmod 600 "$folder/munge.key"
    munged --force --key-file="$folder/munge.key" --socket="$folder/munge.socket" --pid-file="$folder/munged.pid" \
        --log-file="$folder/munged.log" --seed-file="$folder/munged.seed"
    slurmctld -c -f "$folder/slurm.conf"
    slurmd -c -f "$folder/slurm.conf"
    export SLURM_CONF="$folder/slurm.conf"
    for _ in $(seq 60); do
        if sinfo --noheader --format=%t 2>/dev/null | grep -q idle; then
            return 0
        fi
        sleep 0.5
    done
    cat "$folder"/*.log >&2
    return 1
}

stop() {
    export SLURM_CONF="$folder/slurm.conf"
    squeue --noheader --format=%i 2>/dev/null | xargs -r scancel --signal=KILL --full 2>/dev/null || true
    squeue --noheader --format=%i 2>/dev/null | xargs -r scancel 2>/dev/null || true
    for _ in $(seq 20); do
        squeue --noheader 2>/dev/null | grep -q . || break
        sleep 0.5
    done
    for daemon in slurmd slurmctld munged; do
        if [ -s "$folder/$daemon.pid" ]; then
            kill "$(cat "$folder/$daemon.pid")" 2>/dev/null || true
        fi
    done
}

"$action"
