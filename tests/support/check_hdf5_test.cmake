# cmake -DWORK=EMPTY_FOLDER -P check_hdf5_test.cmake: cmake/Hdf5.cmake takes an HDF5 built with our MPI or without one, and
# refuses one built with another, one that is not there, and another name than that of the first configuration.
cmake_minimum_required(VERSION 3.25)
get_filename_component(modules ${CMAKE_CURRENT_LIST_DIR}/../../cmake ABSOLUTE)
file(REMOVE_RECURSE ${WORK})

# A library made of nothing; further arguments are the libraries that it loads.
function(make_library name)
  list(TRANSFORM ARGN PREPEND ${WORK}/)
  file(WRITE ${WORK}/nothing.cpp "")
  execute_process(COMMAND c++ -shared -fPIC -Wl,--no-as-needed,-soname,${name} ${WORK}/nothing.cpp ${ARGN}
    -o ${WORK}/${name} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

# "hdf5-NAME" for pkg-config; BESIDE are further libraries that it links with.
function(make_package name)
  cmake_parse_arguments(PARSE_ARGV 1 with "" "" "BESIDE")
  make_library(libhdf5_${name}.so ${with_UNPARSED_ARGUMENTS})
  list(JOIN with_BESIDE " " beside)
  file(WRITE ${WORK}/hdf5-${name}.pc
    "Name: HDF5\nDescription: none\nVersion: 1.10.8\nLibs: -L${WORK} -lhdf5_${name} ${beside}\n")
endfunction()

make_library(libmpi_ours.so)
make_library(libmpi_other.so)
make_package(ours libmpi_ours.so)
make_package(other libmpi_other.so)
make_package(alone)
# What an MPI has for other languages: a layer over itself, and one over that.
foreach(mpi ours other)
  make_library(libmpi_fortran_${mpi}.so libmpi_${mpi}.so)
  make_library(libmpi_fortran08_${mpi}.so libmpi_fortran_${mpi}.so libmpi_${mpi}.so)
endforeach()
make_package(layers libmpi_ours.so BESIDE -lmpi_fortran08_ours -lmpi_fortran_ours -lmpi_ours)
make_package(other_layers BESIDE -lmpi_fortran08_other -lmpi_fortran_other -lmpi_other)
file(WRITE ${WORK}/CMakeLists.txt "cmake_minimum_required(VERSION 3.25)\nproject(one LANGUAGES CXX)\n
list(APPEND CMAKE_MODULE_PATH ${modules})\nfind_package(PkgConfig REQUIRED)\n
set(MPI_CXX_LIBRARIES ${WORK}/libmpi_ours.so)\ninclude(Hdf5)\n")
set(ENV{PKG_CONFIG_PATH} ${WORK})

# Configures `folder`; `line` is what has to be said, or empty where it has to succeed.
function(expect folder name line)
  execute_process(COMMAND ${CMAKE_COMMAND} -G Ninja -S ${WORK} -B ${WORK}/${folder} -DMODR_HDF5=${name}
    RESULT_VARIABLE code OUTPUT_VARIABLE output ERROR_VARIABLE output)
  string(REGEX REPLACE "[ \n]+" " " said "${output}")
  string(FIND "${said}" "${line}" at)
  if((line AND (code EQUAL 0 OR at EQUAL -1)) OR (NOT line AND NOT code EQUAL 0))
    message(FATAL_ERROR "${folder} with ${name}: expected '${line}', it said (exit ${code}):\n${output}")
  endif()
endfunction()

expect(ours hdf5-ours "")
expect(ours hdf5-ours "")
expect(ours hdf5-alone "expected 'hdf5-ours', with which this folder was configured, found 'hdf5-alone'")
expect(ours hdf5-ours "")
expect(alone hdf5-alone "")
expect(other hdf5-other "expected one built without MPI or with this build's (libmpi_ours.so), found \
${WORK}/libhdf5_other.so, which loads libmpi_other.so")
expect(layers hdf5-layers "")
expect(other_layers hdf5-other_layers "found ${WORK}/libmpi_fortran08_other.so, which loads libmpi_")
expect(missing hdf5-missing "hdf5-missing")
