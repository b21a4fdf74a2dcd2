"""Deep Q-learning on a 5x5 grid: the agent learns the way to the goal around a wall. One short fit per round."""
import random

import numpy as np
from tensorflow import keras

SIZE, GOAL, WALL = 5, (4, 4), {(1, 1), (1, 2), (1, 3), (3, 1), (3, 3), (3, 4)}
MOVES = [(0, 1), (0, -1), (1, 0), (-1, 0)]
GAMMA = 0.9

shuffler = random.Random(3)


def one_hot(cell):
    code = np.zeros(SIZE * SIZE, 'float32')
    code[cell[0] * SIZE + cell[1]] = 1
    return code


def step(cell, action):
    r, c = cell[0] + MOVES[action][0], cell[1] + MOVES[action][1]
    if not (0 <= r < SIZE and 0 <= c < SIZE) or (r, c) in WALL:
        r, c = cell
    return (r, c), float((r, c) == GOAL), (r, c) == GOAL


cells = [(r, c) for r in range(SIZE) for c in range(SIZE) if (r, c) not in WALL and (r, c) != GOAL]
q_net = keras.Sequential([
    keras.layers.Input((SIZE * SIZE,)),
    keras.layers.Dense(48, activation='relu'),
    keras.layers.Dense(4, activation='linear'),
])
q_net.compile(optimizer=keras.optimizers.Adam(1e-2), loss='mse')

memory = []
for cell in cells * 4:                      # wander about first
    for action in range(4):
        memory.append((cell, action, *step(cell, action)))
for round_ in range(25):
    shuffler.shuffle(memory)
    states = np.array([one_hot(m[0]) for m in memory])
    following = np.array([one_hot(m[2]) for m in memory])
    rewards, done = np.array([m[3] for m in memory]), np.array([m[4] for m in memory])
    actions = np.array([m[1] for m in memory])
    targets = q_net(states).numpy()
    best_next = q_net(following).numpy().max(axis=1)
    targets[np.arange(len(memory)), actions] = rewards + GAMMA * best_next * (1 - done)
    q_net.fit(states, targets, epochs=8, batch_size=32, verbose=0)

policy = {cell: int(q_net(one_hot(cell)[None]).numpy().argmax()) for cell in cells}
lengths = []
for cell in cells:
    steps, there = 0, False
    while not there and steps < 30:
        cell, _, there = step(cell, policy[cell])
        steps += 1
    lengths.append(steps)
print('reaches the goal from', sum(n < 30 for n in lengths), 'of', len(cells), 'cells; longest way', max(lengths))
