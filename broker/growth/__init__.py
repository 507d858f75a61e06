"""Workers that a broker asks a cluster for, when jobs wait that no worker has room for; and gives back when nothing waits."""
