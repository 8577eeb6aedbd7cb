modr_room(comm USES base LINKS MPI::MPI_CXX)
if(MODR_SANITIZE)
  set_source_files_properties(comm/mpi_session.cpp PROPERTIES COMPILE_DEFINITIONS MODR_KEEP_PLUGINS)
endif()
