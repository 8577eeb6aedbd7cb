modr_room(dataset USES base LINKS nlohmann_json::nlohmann_json PkgConfig::PCRE2 PkgConfig::ICU)
