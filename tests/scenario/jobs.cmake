# Whole jobs with the real program, under mpirun. A script gets the program's folder and exits 77 when it cannot run.
foreach(scenario train_and_evaluate grids kill_and_resume bad_input full_disk gsm8k two_hosts bf16 interruption
        launch_local launch_builds faults slurm slurm_scripts streams slow_disk runs)
  add_test(NAME scenario/${scenario}
    COMMAND bash ${CMAKE_CURRENT_LIST_DIR}/${scenario}.sh $<TARGET_FILE_DIR:modr> ${CMAKE_SOURCE_DIR})
  set_tests_properties(scenario/${scenario} PROPERTIES TIMEOUT 900 LABELS scenario PROCESSORS 2 SKIP_RETURN_CODE 77
    ENVIRONMENT "OMP_NUM_THREADS=1;OMPI_ALLOW_RUN_AS_ROOT=1;OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1")
endforeach()

# The same on the emulated GPU, a device a rank.
if(TARGET modr_emulated)
  foreach(scenario train_and_evaluate grids gpu)
    add_test(NAME scenario/emulated/${scenario}
      COMMAND bash ${CMAKE_CURRENT_LIST_DIR}/${scenario}.sh $<TARGET_FILE_DIR:modr_emulated> ${CMAKE_SOURCE_DIR})
    set_tests_properties(scenario/emulated/${scenario} PROPERTIES TIMEOUT 900 LABELS "scenario;emulated" PROCESSORS 2
      SKIP_RETURN_CODE 77
      ENVIRONMENT "OMP_NUM_THREADS=1;OMPI_ALLOW_RUN_AS_ROOT=1;OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1")
  endforeach()
endif()

# Every command that the texts show.
add_test(NAME documents/commands COMMAND bash ${CMAKE_SOURCE_DIR}/tests/documents/commands.sh $<TARGET_FILE_DIR:modr>
  ${CMAKE_SOURCE_DIR} ${documents})
set_tests_properties(documents/commands PROPERTIES TIMEOUT 900 LABELS scenario PROCESSORS 2)

# An evaluation whose last rank goes wrong while the others wait for rows of its branches.
add_executable(evaluation_endings ${CMAKE_CURRENT_LIST_DIR}/evaluation_endings.cpp)
target_link_libraries(evaluation_endings PRIVATE modr_tools)
target_include_directories(evaluation_endings PRIVATE ${CMAKE_SOURCE_DIR}/tests)
function(modr_evaluation_ending_test name code line)
  add_test(NAME mpi/endings/evaluation_${name} COMMAND ${CMAKE_COMMAND} -DCODE=${code} -DPROGRAM=evaluation_endings
    "-DLINE=${line}" -DWITHIN=${ending_limit} -P ${CMAKE_SOURCE_DIR}/tests/support/expect_exit.cmake
    -- ${mpirun} -n 3 $<TARGET_FILE:evaluation_endings> ${name})
  set_tests_properties(mpi/endings/evaluation_${name} PROPERTIES ${mpi_properties} PROCESSORS 3)
endfunction()
modr_evaluation_ending_test(throws 1 "^rank 2: task (numbers|choices) with [13] recurrences: no memory for the keys$")
modr_evaluation_ending_test(sleeps 3 "^rank 2 did not come to collective [0-9]+, all_to_all_v .relay back., of group \
'world', within 5 s: it is in phase evaluation, since [0-9.]+ s; ranks 0 and 1 wait$")
