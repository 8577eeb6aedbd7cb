modr_room(checkpoint USES comm nn LINKS PkgConfig::HDF5 nlohmann_json::nlohmann_json)
target_compile_definitions(modr_checkpoint PRIVATE MODR_VERSION="${PROJECT_VERSION}")
# Every byte of a checkpoint goes through these: they have to vectorise.
set_source_files_properties(checkpoint/chunk_writer.cpp checkpoint/digest.cpp checkpoint/fletcher32.cpp
  PROPERTIES COMPILE_OPTIONS -O3)
