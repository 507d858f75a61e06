"""A worker in an allocation of a cluster: what it has there, until when, and how it leaves. Started by a broker that grows."""
