modr_room(parallel USES comm nn)
