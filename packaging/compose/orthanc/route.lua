-- Each CT series that is complete goes to ich-node, but for what ich-node has sent.
function OnStableSeries(seriesId, tags, metadata)
  if tags['Modality'] ~= 'CT' then
    return
  end
  local instances = ParseJson(RestApiGet('/series/' .. seriesId))['Instances']
  local sender = ParseJson(RestApiGet('/instances/' .. instances[1] .. '/metadata?expand'))['RemoteAET']
  if sender ~= 'ICHNODE' then
    SendToModality(seriesId, 'ichnode')
  end
end
