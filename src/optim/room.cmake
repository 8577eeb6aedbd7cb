modr_room(optim USES nn)
