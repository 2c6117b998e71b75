"""The second physics: rows of one cell model on PyBullet, made from the compiled MuJoCo model: nothing is described twice.

`parts.py` turns the model into what Bullet loads, `row.py` is one cell in a client of its own, `world.py` the `World` over
rows. PyBullet is an extra and is imported when the first world is made.
"""
