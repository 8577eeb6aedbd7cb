# Readers of outside data against hostile input: one target each, see target.hpp. The seeds, and the inputs that once
# went wrong (findings/), are replayed as tests; with MODR_FUZZ (launch/fuzz, Clang) libFuzzer makes new ones.
set(fuzz_memory_kib 4194304)  # address space; sanitizers reserve terabytes of it and take no limit
add_executable(make_checkpoint_seeds ${CMAKE_CURRENT_LIST_DIR}/make_checkpoint_seeds.cpp)
target_link_libraries(make_checkpoint_seeds PRIVATE modr_checkpoint)
set(made_seeds ${CMAKE_BINARY_DIR}/fuzz/seeds/checkpoint)
add_test(NAME fuzz/make_checkpoint_seeds COMMAND make_checkpoint_seeds ${made_seeds})
set_tests_properties(fuzz/make_checkpoint_seeds PROPERTIES FIXTURES_SETUP checkpoint_seeds LABELS fuzz TIMEOUT 60)

foreach(target checkpoint config contents problems tokenizer)
  add_executable(replay_${target} ${CMAKE_CURRENT_LIST_DIR}/replay.cpp ${CMAKE_CURRENT_LIST_DIR}/${target}.cpp)
  target_link_libraries(replay_${target} PRIVATE modr_tools)
  set(inputs ${CMAKE_CURRENT_LIST_DIR}/seeds/${target})
  if(EXISTS ${CMAKE_CURRENT_LIST_DIR}/findings/${target})
    list(APPEND inputs ${CMAKE_CURRENT_LIST_DIR}/findings/${target})
  endif()
  if(target STREQUAL checkpoint)
    list(APPEND inputs ${made_seeds})
  endif()
  if(MODR_SANITIZE)
    add_test(NAME fuzz/replay_${target} COMMAND replay_${target} ${inputs})
  else()
    add_test(NAME fuzz/replay_${target} COMMAND bash -c "ulimit -v ${fuzz_memory_kib}; exec \"$0\" \"$@\""
      $<TARGET_FILE:replay_${target}> ${inputs})
  endif()
  set_tests_properties(fuzz/replay_${target} PROPERTIES LABELS fuzz TIMEOUT 120
    ENVIRONMENT "OMP_NUM_THREADS=1;OMP_WAIT_POLICY=passive")
  if(MODR_FUZZ)
    add_executable(fuzz_${target} ${CMAKE_CURRENT_LIST_DIR}/libfuzzer.cpp ${CMAKE_CURRENT_LIST_DIR}/${target}.cpp)
    target_link_libraries(fuzz_${target} PRIVATE modr_tools)
    target_link_options(fuzz_${target} PRIVATE -fsanitize=fuzzer)
  endif()
endforeach()
set_tests_properties(fuzz/replay_checkpoint PROPERTIES FIXTURES_REQUIRED checkpoint_seeds)
