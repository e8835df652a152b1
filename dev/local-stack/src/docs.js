// Shows the API's description, signed in as the demo user.

const ui = SwaggerUIBundle({
  url: '/api/openapi.json',
  dom_id: '#api',
  deepLinking: true,
  tryItOutEnabled: true,
  displayRequestDuration: true,
  // The one thing that would be asked of another server.
  validatorUrl: null,
  onComplete: async () => {
    const session = await fetch('/_local/session');
    ui.preauthorizeApiKey('Jwt', (await session.json()).token);
  },
});
