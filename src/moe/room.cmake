modr_room(moe USES nn)
