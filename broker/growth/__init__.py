"""Workers that a broker requests from a cluster when jobs wait for which no worker has room; released when nothing waits."""
