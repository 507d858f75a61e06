# Used by sweep.toml: finds a point by gradient descent, and prints the loss, the rate and the seed.
BEGIN {
    srand(seed)
    target = 10 * rand()
    for (step = 0; step < steps; step++)
        x -= lr * 2 * (x - target)
    printf "%.9f lr=%s seed=%s\n", (x - target) ^ 2, lr, seed
}
