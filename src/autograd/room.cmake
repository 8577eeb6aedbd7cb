modr_room(autograd USES tensor)
