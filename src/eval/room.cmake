modr_room(eval USES comm model parallel dataset checkpoint LINKS nlohmann_json::nlohmann_json)
