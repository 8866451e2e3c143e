// All addresses are relative, so that the page works below whatever path the server is mounted.
SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  validatorUrl: null, // which would send the document away
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
});
