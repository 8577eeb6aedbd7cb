modr_room(checkpoint USES nn LINKS PkgConfig::HDF5)
target_compile_definitions(modr_checkpoint PRIVATE MODR_VERSION="${PROJECT_VERSION}")
