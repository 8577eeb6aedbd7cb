# Whole jobs with the real program, under mpirun. A script gets the program's folder and exits 77 when it cannot run.
foreach(scenario train_and_evaluate grids kill_and_resume bad_input full_disk gsm8k)
  add_test(NAME scenario/${scenario}
    COMMAND bash ${CMAKE_CURRENT_LIST_DIR}/${scenario}.sh $<TARGET_FILE_DIR:modr> ${CMAKE_SOURCE_DIR})
  set_tests_properties(scenario/${scenario} PROPERTIES TIMEOUT 300 LABELS scenario PROCESSORS 2 SKIP_RETURN_CODE 77
    ENVIRONMENT "OMP_NUM_THREADS=1;OMPI_ALLOW_RUN_AS_ROOT=1;OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1")
endforeach()
