global using LangSmith.Http.Outbound.Headers;
global using LangSmith.Http.Outbound.Redirects;
global using LangSmith.Http.Propagation;
