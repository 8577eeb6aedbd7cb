modr_room(model USES moe)
