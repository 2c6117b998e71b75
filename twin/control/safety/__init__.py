"""Safety filters: what stands between any policy and the robot, one small file each."""
