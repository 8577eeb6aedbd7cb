modr_room(train USES comm model parallel optim dataset checkpoint LINKS nlohmann_json::nlohmann_json)
