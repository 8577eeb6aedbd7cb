# cmake -DWORK=EMPTY_FOLDER -P check_layers_test.cmake: the layer check passes a good tree and finds every kind of
# breach.
cmake_minimum_required(VERSION 3.25)
get_filename_component(check ${CMAKE_CURRENT_LIST_DIR}/../../cmake/CheckLayers.cmake ABSOLUTE)

macro(start_tree)
  file(REMOVE_RECURSE ${WORK})
  file(WRITE ${WORK}/src/base/error.hpp "#pragma once\n#include <string>\n")
  file(WRITE ${WORK}/src/comm/mpi.cpp "#include <mpi.h>\n\n#include \"comm/mpi.hpp\"\n#include \"base/error.hpp\"\n")
  file(WRITE ${WORK}/src/config/load.cpp "#include \"train/config.hpp\"\n#include \"model/model_config.hpp\"\n")
  file(WRITE ${WORK}/src/moe/room.cmake "modr_room(moe USES nn ops\n  LINKS comm::comm)\n")
  file(WRITE ${WORK}/kernels/cpu/norm.cpp "#include \"kernels/api/norm.hpp\"\n#include \"base/error.hpp\"\n")
  file(WRITE ${WORK}/tools/main.cpp "#include \"config/load.hpp\"\n#include \"tools/train.hpp\"\n")
endmacro()

macro(run_check)
  execute_process(COMMAND ${CMAKE_COMMAND} -DROOT=${WORK} -P ${check}
    RESULT_VARIABLE code OUTPUT_VARIABLE output ERROR_VARIABLE output)
endmacro()

# Writes `content` to `file` of a good tree; the check has to fail and name `place` (file:line).
function(expect_breach place file content)
  start_tree()
  file(WRITE ${WORK}/${file} "${content}")
  run_check()
  string(FIND "${output}" "${place}: " at)
  if(code EQUAL 0 OR at EQUAL -1)
    message(FATAL_ERROR "expected a breach at ${place}, the check said (exit ${code}):\n${output}")
  endif()
endfunction()

start_tree()
run_check()
if(NOT code EQUAL 0)
  message(FATAL_ERROR "a good tree was refused:\n${output}")
endif()

expect_breach(src/moe/router.cpp:3 src/moe/router.cpp
  "#include \"nn/linear.hpp\"\n\n#include \"comm/communicator.hpp\"\n")
expect_breach(src/model/core.cpp:1 src/model/core.cpp "# include \"parallel/rank_grid.hpp\"\n")
expect_breach(src/parallel/grid.cpp:1 src/parallel/grid.cpp "#include \"model/modr_model.hpp\"\n")
expect_breach(src/base/log.cpp:1 src/base/log.cpp "#include <tensor/tensor.hpp>\n")
expect_breach(src/train/trainer.cpp:2 src/train/trainer.cpp "#include <mpi.h>\n#include \"config/run.hpp\"\n")
expect_breach(src/train/trainer.cpp:1 src/train/trainer.cpp "#include <mpi.h>\n#include \"config/run.hpp\"\n")
expect_breach(tools/train.cpp:1 tools/train.cpp "#include <hdf5.h>\n")
expect_breach(kernels/cuda/norm.cu:1 kernels/cuda/norm.cu "#include \"tensor/tensor.hpp\"\n")
expect_breach(src/config/save.cpp:1 src/config/save.cpp "#include \"train/trainer.hpp\"\n")
expect_breach(src/ops/add.cpp:1 src/ops/add.cpp "#include \"add.hpp\"\n")
expect_breach(src/extras:0 src/extras/more.cpp "\n")
expect_breach(src/moe/room.cmake:1 src/moe/room.cmake "modr_room(moe USES nn comm LINKS fmt::fmt)\n")

file(REMOVE_RECURSE ${WORK}/src ${WORK}/kernels ${WORK}/tools)
run_check()
if(code EQUAL 0)
  message(FATAL_ERROR "an empty tree was accepted")
endif()
file(REMOVE_RECURSE ${WORK})
message(STATUS "the layer check finds each kind of breach")
