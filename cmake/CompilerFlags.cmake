# One interface target that every room links: warnings, architecture, sanitizers.
add_library(modr_flags INTERFACE)
function(modr_cxx_options)  # (nvcc has its own, in kernels/cuda)
  target_compile_options(modr_flags INTERFACE "$<$<COMPILE_LANGUAGE:CXX>:${ARGN}>")
endfunction()
modr_cxx_options(-Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wunused
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>      # GCC 12 warns falsely about std::string (GCC bug 105651)
  $<$<CXX_COMPILER_ID:Clang>:-Wno-pass-failed>  # a loop that stays scalar is slow, not wrong; speed is GCC's build's
  -fno-math-errno -fno-trapping-math)   # lets loops vectorise; results and NaNs stay IEEE
if(MODR_ARCH)
  modr_cxx_options(-march=${MODR_ARCH})
endif()
if(MODR_WERROR)
  modr_cxx_options(-Werror)
endif()
if(MODR_SANITIZE)
  target_compile_options(modr_flags INTERFACE
    -fsanitize=${MODR_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_compile_definitions(modr_flags INTERFACE _GLIBCXX_ASSERTIONS)
  target_link_options(modr_flags INTERFACE -fsanitize=${MODR_SANITIZE})
endif()
if(MODR_FUZZ)
  target_compile_options(modr_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
target_include_directories(modr_flags INTERFACE ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR})
