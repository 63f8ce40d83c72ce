"""Who waits for whom, and when: the discrete-event simulation of serving engines."""
