modr_room(model USES nn)
