# Finds HDF5 as the target PkgConfig::HDF5. Any will do, built with MPI or without: ranks write checkpoints side by side
# without its help (checkpoint_save.hpp). But one built with another MPI would load that beside ours.
# Wants pkg-config and MPI_CXX_LIBRARIES.
set(MODR_HDF5 "" CACHE STRING "pkg-config name of the HDF5 to use, e.g. hdf5-mpich; empty: the first that is found")

# pkg-config's answers stay in the cache, so that another name would change nothing.
if(DEFINED MODR_HDF5_BEFORE AND NOT MODR_HDF5 STREQUAL MODR_HDF5_BEFORE)
  message(FATAL_ERROR "MODR_HDF5: expected '${MODR_HDF5_BEFORE}', with which this folder was configured, found "
    "'${MODR_HDF5}': configure a new folder, or this one anew (cmake --fresh)")
endif()

if(MODR_HDF5)
  pkg_check_modules(HDF5 REQUIRED IMPORTED_TARGET ${MODR_HDF5}>=1.10.5)
elseif("${MPI_CXX_LIBRARIES}" MATCHES "mpich")
  pkg_search_module(HDF5 REQUIRED IMPORTED_TARGET hdf5-mpich>=1.10.5 hdf5-serial>=1.10.5 hdf5>=1.10.5)
else()
  pkg_search_module(HDF5 REQUIRED IMPORTED_TARGET hdf5-openmpi>=1.10.5 hdf5-serial>=1.10.5 hdf5>=1.10.5)
endif()

include(ExpectVersion)
modr_expect_version(HDF5 "${HDF5_VERSION}" 1.10.5 1.15 ": -DMODR_HDF5=NAME chooses another one")

# Sets `result` to what the dynamic section of a library says under `key` (NEEDED, SONAME): names of libraries.
function(modr_names_in library key result)
  execute_process(COMMAND ${CMAKE_OBJDUMP} -p ${library} OUTPUT_VARIABLE text ERROR_QUIET)
  string(REGEX MATCHALL "${key} +[^\n]+" lines "${text}")
  list(TRANSFORM lines REPLACE "^${key} +" "")
  set(${result} ${lines} PARENT_SCOPE)
endfunction()

function(modr_check_hdf5_mpi)
  foreach(library ${MPI_CXX_LIBRARIES})
    modr_names_in(${library} SONAME name)
    list(APPEND ours ${name})
  endforeach()
  set(known ${ours})  # with MPI's own layers over ours, as those for Fortran that Debian 13 names beside HDF5
  foreach(library ${HDF5_LINK_LIBRARIES})
    modr_names_in(${library} NEEDED needed)
    foreach(name ${ours})
      if(name IN_LIST needed)
        modr_names_in(${library} SONAME layer)
        list(APPEND known ${layer})
      endif()
    endforeach()
  endforeach()
  foreach(library ${HDF5_LINK_LIBRARIES})
    modr_names_in(${library} NEEDED needed)
    list(FILTER needed INCLUDE REGEX "^libmpi")
    foreach(name ${needed})
      if(NOT name IN_LIST known)
        message(FATAL_ERROR "HDF5: expected one built without MPI or with this build's (${ours}), found ${library}, "
          "which loads ${name}: name another with -DMODR_HDF5=NAME in a new folder")
      endif()
    endforeach()
  endforeach()
endfunction()
modr_check_hdf5_mpi()
set(MODR_HDF5_BEFORE "${MODR_HDF5}" CACHE INTERNAL "MODR_HDF5 of the first configuration")
