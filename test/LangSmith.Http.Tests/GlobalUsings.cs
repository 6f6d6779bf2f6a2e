// Tests may look into every room; src/README.md says what each owns.
global using LangSmith.Http.AspNetCore.Diagnostics;
global using LangSmith.Http.AspNetCore.Inbound;
global using LangSmith.Http.Collector.Model;
global using LangSmith.Http.DependencyInjection;
global using LangSmith.Http.Export.DependencyInjection;
global using LangSmith.Http.Export.Diagnostics;
global using LangSmith.Http.Export.Model;
global using LangSmith.Http.Export.Queue;
global using LangSmith.Http.Export.Transport;
global using LangSmith.Http.Outbound.Headers;
global using LangSmith.Http.Outbound.Redirects;
global using LangSmith.Http.Propagation;
global using LangSmith.Http.Runs;
global using LangSmith.Http.Runs.Capture;
global using NUnit.Framework;
