# cmake -P expect_version_test.cmake: the versions that packages are asked for are taken, all others are refused in one
# line.
cmake_minimum_required(VERSION 3.25)
get_filename_component(cmake ${CMAKE_CURRENT_LIST_DIR}/../../cmake ABSOLUTE)
if(DEFINED ASKED)  # the part that may fail
  include(${cmake}/ExpectVersion.cmake)
  modr_expect_version(HDF5 ${ASKED} 1.10.5 1.15 ". Another one")
  return()
endif()

function(ask version code regex)
  execute_process(COMMAND ${CMAKE_COMMAND} -DASKED=${version} -P ${CMAKE_CURRENT_LIST_FILE}
    RESULT_VARIABLE found OUTPUT_VARIABLE said ERROR_VARIABLE said)
  string(REGEX REPLACE "[ \n]+" " " said "${said}")
  if(NOT found EQUAL code OR NOT said MATCHES "${regex}")
    message(FATAL_ERROR "version ${version}: expected exit code ${code} and '${regex}', found ${found}:\n${said}")
  endif()
endfunction()
foreach(version 1.10.5 1.10.8 1.14.5 1.14.99)
  ask(${version} 0 "^$")
endforeach()
foreach(version 1.8.23 1.10.4 1.15 1.16.0 2.0.0)
  ask(${version} 1 "HDF5: expected version 1.10.5 or later, below 1.15; found ${version}. Another one")
endforeach()

# And the lookup asks.
file(READ ${cmake}/Dependencies.cmake lookup)
file(READ ${cmake}/Hdf5.cmake hdf5)
string(APPEND lookup "${hdf5}")
foreach(package oneDNN HDF5)
  if(NOT lookup MATCHES "modr_expect_version\\(${package} ")
    message(FATAL_ERROR "no lookup asks ${package} for its version")
  endif()
endforeach()
