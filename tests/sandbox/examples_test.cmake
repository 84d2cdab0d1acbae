# The payloads of tools/examples, built outside of the tree against an installed dboot, and rehearsed.
# They stay there, for what is tried on machines. Variables: BUILD, PREFIX, EXAMPLES, IMAGE_SCRIPT, and the COMPILERS that dboot was built with.
file(REMOVE_RECURSE ${PREFIX})
function(run)
  execute_process(COMMAND ${ARGV} OUTPUT_VARIABLE output ERROR_VARIABLE output RESULT_VARIABLE status)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${ARGV}: status ${status}: ${output}")
  endif()
endfunction()
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${PREFIX})
run(${IMAGE_SCRIPT} ${PREFIX}/image.tar)
run(${CMAKE_COMMAND} -S ${EXAMPLES} -B ${PREFIX}/build -D CMAKE_PREFIX_PATH=${PREFIX} ${COMPILERS}
    -D CMAKE_COMPILE_WARNING_AS_ERROR=ON "-DCMAKE_C_FLAGS=-Wall -Wextra -Wconversion")
run(${CMAKE_COMMAND} --build ${PREFIX}/build)

function(rehearse payload expected)
  execute_process(
    COMMAND ${PREFIX}/sbin/dboot-inject --rehearse --payload ${payload} --user 65534:7 ${PREFIX}/image.tar -- /bin/sh -c "id; exit 42"
    RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE errors)
  foreach(text "uid=65534.*gid=7" ${expected})
    if(NOT status EQUAL 42 OR NOT "${output}${errors}" MATCHES "${text}")
      message(FATAL_ERROR "${payload}: status ${status}, ${text} expected; it said: ${output}${errors}")
    endif()
  endforeach()
  if(errors MATCHES "warning")
    message(FATAL_ERROR "${payload}: ${errors}")
  endif()
endfunction()

rehearse(${PREFIX}/build/show-plan "show-plan plan executable=/bin/sh")
# What it is to write is not said.
execute_process(
  COMMAND ${PREFIX}/sbin/dboot-inject --rehearse --payload ${PREFIX}/build/reinstall ${PREFIX}/image.tar -- /bin/true
  RESULT_VARIABLE status ERROR_VARIABLE errors)
if(NOT status EQUAL 125 OR NOT errors MATCHES "what to do is not said: give -e REINSTALL_IMAGE")
  message(FATAL_ERROR "reinstall: status ${status}; it said: ${errors}")
endif()
rehearse(${PREFIX}/build/plain-c "wake payload program=plain-c")

set(ENV{PKG_CONFIG_PATH} ${PREFIX}/lib/pkgconfig)
execute_process(COMMAND ${PKG_CONFIG} --cflags --libs dboot-payload OUTPUT_VARIABLE flags COMMAND_ERROR_IS_FATAL ANY)
separate_arguments(flags UNIX_COMMAND "${flags}")
run(${CXX} ${EXAMPLES}/show-plan/main.cpp ${flags} -o ${PREFIX}/build/by-pkg-config)
rehearse(${PREFIX}/build/by-pkg-config "show-plan plan executable=/bin/sh")
