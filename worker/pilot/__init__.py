"""A worker in an allocation of a cluster: its resources, its end, and how it leaves. Started by a broker that grows."""
