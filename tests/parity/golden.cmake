# Parity with reference numbers: `modr verify` on every golden file of ../shared, in each precision. In bf16 the early exits
# of a random model, which compare differences below bf16's rounding, are left out, and the words of upstream's caches,
# whose random model is decided by less than bf16's rounding.
file(GLOB golden_files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/../shared/golden/*.h5
  ${CMAKE_SOURCE_DIR}/../shared/upstream/cache/*.h5)
foreach(file ${golden_files})
  get_filename_component(name ${file} NAME_WE)
  foreach(dtype f32 f64 bf16)
    if(dtype STREQUAL bf16 AND name MATCHES "adaptive|^cache_")
      continue()
    endif()
    add_test(NAME parity/${name}/${dtype} COMMAND modr verify ${file} --dtype ${dtype})
    set_tests_properties(parity/${name}/${dtype} PROPERTIES TIMEOUT 120 LABELS parity
      ENVIRONMENT OMP_NUM_THREADS=1)
  endforeach()
  # The same on the emulated GPU. (Early exits take some 100,000 launches of kernels: in one precision.)
  foreach(dtype f32 f64 bf16)
    if(NOT TARGET modr_emulated OR (NOT dtype STREQUAL f32 AND name MATCHES "adaptive|^cache_"))
      continue()
    endif()
    add_test(NAME parity/emulated/${name}/${dtype} COMMAND modr_emulated verify ${file} --dtype ${dtype} --device cuda)
    set_tests_properties(parity/emulated/${name}/${dtype} PROPERTIES TIMEOUT 400 LABELS "parity;emulated"
      ENVIRONMENT OMP_NUM_THREADS=1)
  endforeach()
endforeach()
if(NOT golden_files)
  add_test(NAME parity/golden COMMAND ${CMAKE_COMMAND} -E echo "skipped: no golden files in ../shared/golden")
  set_tests_properties(parity/golden PROPERTIES SKIP_REGULAR_EXPRESSION "skipped" LABELS parity)
endif()
