modr_room(checkpoint USES nn LINKS PkgConfig::HDF5)
