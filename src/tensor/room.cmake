modr_room(tensor USES base kernels)
