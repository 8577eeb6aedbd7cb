modr_room(parallel USES comm moe)
