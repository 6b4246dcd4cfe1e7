# Function names and line numbers in backtraces, by libbacktrace. Every gcc ships it as a static archive of
# position-independent objects, with its header, in a directory of its own that clang knows too. The objects
# become part of cohort, so that programs which link cohort need not find them again; without them frames
# are named by dladdr, with offsets for addr2line.
option(COHORT_BACKTRACE "Name functions and lines in backtraces, where libbacktrace is found" ON)

function(cohort_add_backtrace target)
  if(NOT COHORT_BACKTRACE)
    return()
  endif()
  execute_process(COMMAND ${CMAKE_CXX_COMPILER} -print-file-name=libbacktrace.a
    OUTPUT_VARIABLE archive OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  cmake_path(GET archive PARENT_PATH directory)
  find_file(COHORT_BACKTRACE_HEADER backtrace.h HINTS ${directory}/include)
  mark_as_advanced(COHORT_BACKTRACE_HEADER)
  if(NOT IS_ABSOLUTE "${archive}" OR NOT COHORT_BACKTRACE_HEADER)
    message(STATUS "cohort: no libbacktrace: backtraces show offsets instead of lines")
    return()
  endif()

  # The header is included by its full path: its directory also holds gcc's intrinsics, which clang must not see.
  set(header_definition "COHORT_BACKTRACE_HEADER=\"${COHORT_BACKTRACE_HEADER}\"")
  set(probe ${CMAKE_CURRENT_BINARY_DIR}/libbacktrace/probe.cpp)
  file(WRITE ${probe} "#include \"${COHORT_BACKTRACE_HEADER}\"
    int main() { return backtrace_create_state(nullptr, 1, nullptr, nullptr) == nullptr; }\n")
  try_compile(COHORT_BACKTRACE_WORKS ${CMAKE_CURRENT_BINARY_DIR}/libbacktrace/probe ${probe}
    CMAKE_FLAGS -DCMAKE_POSITION_INDEPENDENT_CODE=ON
    LINK_LIBRARIES ${archive})
  if(NOT COHORT_BACKTRACE_WORKS)
    message(STATUS "cohort: ${archive} does not link: backtraces show offsets instead of lines")
    return()
  endif()

  set(objects ${CMAKE_CURRENT_BINARY_DIR}/libbacktrace/objects)
  file(REMOVE_RECURSE ${objects})
  file(MAKE_DIRECTORY ${objects})
  execute_process(COMMAND ${CMAKE_AR} x ${archive} WORKING_DIRECTORY ${objects} COMMAND_ERROR_IS_FATAL ANY)
  file(GLOB object_files ${objects}/*.o)
  target_sources(${target} PRIVATE ${object_files})
  set_source_files_properties(src/errors/symbols.cpp PROPERTIES COMPILE_DEFINITIONS ${header_definition})
endfunction()
