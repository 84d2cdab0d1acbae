# Installs into a prefix of its own and rehearses from there: the two programs must find each other in it, and say where
# they looked when they do not. Variables: BUILD, PREFIX, IMAGE_SCRIPT.
file(REMOVE_RECURSE ${PREFIX})
execute_process(COMMAND ${CMAKE_COMMAND} --install ${BUILD} --prefix ${PREFIX} OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${IMAGE_SCRIPT} ${PREFIX}/image.tar COMMAND_ERROR_IS_FATAL ANY)

function(rehearse expected_status expected_text)
  execute_process(
    COMMAND ${PREFIX}/sbin/dboot-inject --rehearse ${PREFIX}/image.tar -- /bin/sh -c "exit 42"
    RESULT_VARIABLE status ERROR_VARIABLE errors OUTPUT_QUIET)
  if(NOT status EQUAL expected_status OR NOT errors MATCHES "${expected_text}")
    message(FATAL_ERROR "status ${status}, not ${expected_status}; it said: ${errors}")
  endif()
endfunction()

foreach(page man8/dboot-inject.8 man8/dboot-init.8 man5/dboot-dry-run.5 man5/dboot-log.5 man1/dboot-log.1 man1/dboot-plan.1 man5/dboot-plan.5 man7/dboot-payload.7)
  if(NOT EXISTS ${PREFIX}/share/man/${page})
    message(FATAL_ERROR "no manual page ${page}")
  endif()
endforeach()
rehearse(42 "rehearsing")
file(REMOVE ${PREFIX}/libexec/dboot/dboot-init)
rehearse(125 "looked for ${PREFIX}/sbin/dboot-init and ${PREFIX}/libexec/dboot/dboot-init")
file(REMOVE_RECURSE ${PREFIX})
