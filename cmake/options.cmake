# Compiler settings that every target shares.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

option(GENKAN_WERROR "treat warnings as errors" ON)
option(GENKAN_PCH "precompile the standard headers" ON)
option(GENKAN_TESTS "build the tests" ON)
option(GENKAN_FUZZ "build the libFuzzer targets (clang)" OFF)
option(GENKAN_LTO "link-time optimisation" OFF)
set(GENKAN_SANITIZE "" CACHE STRING "sanitizers, e.g. address,undefined")

# Not -Wnon-virtual-dtor: boost::system::error_category, our base for error codes, has such a destructor on purpose.
add_compile_options(-Wall -Wextra -Wshadow -Woverloaded-virtual -Wno-missing-field-initializers)
if(GENKAN_WERROR)
  add_compile_options(-Werror)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 reports these for correct code in coroutines and in libstdc++'s own string.
  add_compile_options(-fcoroutines -Wno-maybe-uninitialized -Wno-restrict -Wno-stringop-overflow -Wno-stringop-overread -Wno-array-bounds
                      -Wno-dangling-pointer -Wno-mismatched-new-delete)
endif()
if(GENKAN_SANITIZE)
  add_compile_options(-fsanitize=${GENKAN_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${GENKAN_SANITIZE})
  if(GENKAN_SANITIZE MATCHES "undefined")
    # These four double the time to compile and find little that AddressSanitizer does not: left to the fuzzers' clang.
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
      add_compile_options(-fno-sanitize=vptr,null,alignment,object-size)
    endif()
  endif()
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    add_compile_options(-fno-sanitize=function)  # clang 14 cannot assemble coroutines with it
  endif()
endif()
if(GENKAN_LTO)
  set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ON)
endif()

find_program(GENKAN_CCACHE ccache)
if(GENKAN_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${GENKAN_CCACHE})
endif()
find_program(GENKAN_MOLD mold)
if(GENKAN_MOLD AND NOT GENKAN_LTO AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_link_options(-fuse-ld=mold)
endif()
