modr_room(checkpoint USES comm nn LINKS PkgConfig::HDF5 nlohmann_json::nlohmann_json)
target_compile_definitions(modr_checkpoint PRIVATE MODR_VERSION="${PROJECT_VERSION}")
