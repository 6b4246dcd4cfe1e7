# cmake -D COMPILER= -D FLAGS= -D INCLUDES= -D CASE= -P refuse.cmake: passes if the compiler refuses the case
# with the sentence that its first line names.
list(TRANSFORM INCLUDES PREPEND -I)
file(READ ${CASE} text)
if(NOT text MATCHES "^// expect: ([^\n]+)\n")
  message(FATAL_ERROR "${CASE}: the first line is not \"// expect: SENTENCE\"")
endif()
set(sentence "${CMAKE_MATCH_1}")

function(compile)
  execute_process(COMMAND ${COMPILER} ${FLAGS} ${INCLUDES} -fsyntax-only ${ARGN} ${CASE}
    RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  set(result ${result} PARENT_SCOPE)
  set(output "${output}" PARENT_SCOPE)
endfunction()

compile()
if(result EQUAL 0)
  message(FATAL_ERROR "this compiles, and should not: ${CASE}")
endif()
string(FIND "${output}" "${sentence}" position)
if(position EQUAL -1)
  message(FATAL_ERROR "refused, but not with \"${sentence}\":\n${output}")
endif()

if(text MATCHES "COHORT_EXPECT_OK")
  compile(-DCOHORT_EXPECT_OK)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "refused also without the line that should be refused:\n${output}")
  endif()
endif()
