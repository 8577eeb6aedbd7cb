modr_room(eval USES comm model dataset checkpoint LINKS nlohmann_json::nlohmann_json)
