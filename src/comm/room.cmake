modr_room(comm USES base LINKS MPI::MPI_CXX)
