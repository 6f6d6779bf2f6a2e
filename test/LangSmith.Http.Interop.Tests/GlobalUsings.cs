global using LangSmith.Http.Tests;
global using NUnit.Framework;
