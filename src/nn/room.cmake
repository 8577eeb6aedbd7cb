modr_room(nn USES ops)
