modr_room(ops USES autograd)
