# Everything that ctest runs beside the rooms' unit tests. Included by cmake/room.cmake.
find_program(GENKAN_PYTHON NAMES python3 PATHS /usr/bin NO_DEFAULT_PATH REQUIRED)  # Debian's: pytest is installed there
# Deadlines of end-to-end tests, stretched: for a busy or slow machine, and more for a sanitizer. They cost time only where
# a test fails.
set(GENKAN_SLOW 3)
if(GENKAN_SANITIZE)
  set(GENKAN_SLOW 8)
endif()

# What is checked by reading the sources.
add_test(NAME lint.layering COMMAND ${GENKAN_PYTHON} ${CMAKE_SOURCE_DIR}/tests/layering.py)
add_test(NAME lint.coroutines COMMAND ${GENKAN_PYTHON} ${CMAKE_SOURCE_DIR}/tests/lint_coroutines.py)
add_test(NAME lint.selftest COMMAND ${GENKAN_PYTHON} -m pytest -q -p no:cacheprovider ${CMAKE_SOURCE_DIR}/tests/lint)
set_tests_properties(lint.layering lint.coroutines lint.selftest PROPERTIES LABELS unit TIMEOUT 60)

# Every header compiles alone. One job at a time would take minutes: it has all cores to itself.
if(NOT GENKAN_SANITIZE)
  add_test(NAME lint.headers COMMAND ${CMAKE_COMMAND} --build ${CMAKE_BINARY_DIR} --target all_verify_interface_header_sets)
  set_tests_properties(lint.headers PROPERTIES LABELS unit TIMEOUT 1800 RUN_SERIAL ON)
endif()

# The fuzzers' seeds and past findings, run once each through the same function without libFuzzer.
file(GLOB fuzzers CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/fuzz/*_fuzz.cpp)
foreach(source IN LISTS fuzzers)
  get_filename_component(stem ${source} NAME_WE)
  string(REGEX REPLACE "_fuzz$" "" stem ${stem})
  file(STRINGS ${source} first LIMIT_COUNT 1)
  string(REGEX REPLACE "^// room: *([a-z]+).*" "\\1" owner "${first}")
  if(NOT TARGET ${owner})
    message(FATAL_ERROR "${source}: the first line must be `// room: ROOM`")
  endif()
  add_executable(replay_${stem} ${source} ${CMAKE_SOURCE_DIR}/tests/fuzz/replay.cpp)
  target_link_libraries(replay_${stem} PRIVATE ${owner})
  genkan_precompile(replay_${stem})
  add_test(NAME replay.${stem} COMMAND replay_${stem} ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${stem})
  set_tests_properties(replay.${stem} PROPERTIES LABELS unit TIMEOUT 120)
endforeach()

# A node with nothing but a virtual address, for the fail-over tests.
if(TARGET vip)
  add_executable(vip_node ${CMAKE_SOURCE_DIR}/tests/tools/vip_node.cpp)
  target_link_libraries(vip_node PRIVATE vip)
  genkan_precompile(vip_node)
endif()

# End to end: one ctest test for each tests/e2e/test_NAME.py, against the program of this build.
if(TARGET genkan)
  file(GLOB suites CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/e2e/test_*.py)
  foreach(suite IN LISTS suites)
    get_filename_component(stem ${suite} NAME_WE)
    string(REGEX REPLACE "^test_" "" stem ${stem})
    add_test(NAME e2e.${stem} COMMAND ${GENKAN_PYTHON} -m pytest -q -p no:cacheprovider --tb=short ${suite})
    set_tests_properties(e2e.${stem} PROPERTIES LABELS e2e TIMEOUT 2400
                         ENVIRONMENT "GENKAN_BIN=$<TARGET_FILE:genkan>;GENKAN_TEST_SLOW=${GENKAN_SLOW};PYTHONDONTWRITEBYTECODE=1")
    # The long ones first: the last of them would run alone, with the other core idle.
    if(stem STREQUAL "webmail")
      set_tests_properties(e2e.${stem} PROPERTIES COST 300)
    elseif(stem STREQUAL "smtp_faults")
      set_tests_properties(e2e.${stem} PROPERTIES COST 200)
    elseif(stem MATCHES "^smtp")
      set_tests_properties(e2e.${stem} PROPERTIES COST 100)
    endif()
    if(stem MATCHES "vip|cluster|load")  # these measure time: nothing else runs beside them
      set_tests_properties(e2e.${stem} PROPERTIES RUN_SERIAL ON)
    endif()
  endforeach()
endif()
